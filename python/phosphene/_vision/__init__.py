"""What people come for: traces, gradients, maximization, and what they return."""
