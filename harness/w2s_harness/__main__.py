"""`python -m w2s_harness`: the command line, where the interpreter is what a user has at hand."""

from w2s_harness.cli import main

if __name__ == "__main__":
    main()
