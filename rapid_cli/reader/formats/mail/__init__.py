"""Saved mails, mailboxes and pages that a browser saved with all their parts."""
