"""Listening studies: what listeners hear and are asked, the page that asks them, and what their answers say."""
