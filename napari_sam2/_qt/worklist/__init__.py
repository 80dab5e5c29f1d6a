"""The dock widget "SAM 2: worklist": stacks that are corrected one after the other."""
