"""Dossiers of methods: what a reviewer needs to decide about one."""
