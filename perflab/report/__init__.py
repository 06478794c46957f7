"""The report: figures, the strict runner of notebooks, pages and deliverables, all made from what is stored."""
