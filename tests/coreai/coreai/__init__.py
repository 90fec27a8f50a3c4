"""A stand-in for Apple's package `coreai`, written from public sources alone: it has what a program of
`anec --emit coreai-py` calls, checks the operands strictly, and computes as it goes, in double, with the numbers
of `INPUTS`. It is not Apple's package, and says nothing about how that one behaves."""
INPUTS = {}
