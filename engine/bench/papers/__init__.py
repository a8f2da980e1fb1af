"""What papers publish of a method beside what this machine makes of it, in one run over Spec-Bench's categories."""
