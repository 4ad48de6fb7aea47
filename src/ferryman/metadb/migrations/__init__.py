"""Migrations of the metadb, written by hand: reflection is wrong on OceanBase."""
