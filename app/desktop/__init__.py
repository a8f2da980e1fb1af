"""How Updraft behaves among other programs: one instance, crashes, versions, licences."""
