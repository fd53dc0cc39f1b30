"""`python -m nntrain`."""

from nntrain.cli import main

main()
