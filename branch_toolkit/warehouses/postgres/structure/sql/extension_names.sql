-- Names in the base schemas that an extension or a shared type has, and whether another object has
-- it, too.
WITH named AS ({names})
SELECT schema, name, bool_or(NOT kept) AS ambiguous
FROM named
GROUP BY schema, name
HAVING bool_or(kept)
