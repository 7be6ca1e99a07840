"""Findings to tiers, schedules and edits."""
