"""The binary log: streamed, framed into transactions, decoded into changes."""
