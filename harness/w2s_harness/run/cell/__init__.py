"""One cell: a method on one setting and seed, in the real world or a counterfactual one."""
