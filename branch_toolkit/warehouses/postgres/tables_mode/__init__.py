"""Tables mode: where no schema may be made, a clone is a group of tables in one schema.

A clone, such as `analytics__pr_42`, is there an *anchor*: a table of that name without columns,
whose comment is the clone's mark. Its tables are its *members*, such as `analytics__pr_42__orders`:
each has a mark of its own, which names the table itself, and the anchor by a token that both have.
What carries no such mark is a stranger's, whatever it is called.
"""
