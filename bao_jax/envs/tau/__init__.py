"""The Tau gym: a user with a wish, tools on a database, a policy to keep to."""
