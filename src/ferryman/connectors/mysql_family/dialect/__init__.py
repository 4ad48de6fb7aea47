"""How the family takes over schemas of other servers, and what is lost on the way."""
