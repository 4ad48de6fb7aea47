"""The data plane. Steps in the order a project runs them: precheck, schema, capture, load, apply, verify.

Steps never import each other; capture and apply meet in `logstore`, load and apply at the target.
"""
