"""`python -m wellcited`: the command line."""

from wellcited.cli import main

main()
