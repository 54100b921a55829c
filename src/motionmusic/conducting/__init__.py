"""VirtualConductor: the motion of an orchestral conductor for music (spec/virtual_conductor.md)."""
