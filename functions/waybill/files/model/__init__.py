"""The model of a run before it is made: its requests, its time, its cost. Pure; nothing here asks anybody anything."""
