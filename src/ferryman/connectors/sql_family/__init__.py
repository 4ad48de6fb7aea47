"""What all SQL databases share as targets: the `_ferryman` schema and the calls around it. Imports no connector."""
