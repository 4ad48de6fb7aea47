"""`python -m ferryman` runs the command line."""

from ferryman.cli.main import main

if __name__ == "__main__":
    main()
