"""The wire format of OceanBase Migration Service: exact in what is answered, liberal in what is taken."""
