"""MCLEMCD rebuilt: music classification from dances (Gong et al., Multimedia Systems 30:37, 2024)."""
