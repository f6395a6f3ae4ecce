"""Restores the shop's database from a dump."""

import sqlite3

DUMP = "CREATE TABLE orders (id INTEGER PRIMARY KEY); INSERT INTO orders VALUES (1);"

with sqlite3.connect("/srv/shop/shop.db") as database:
    database.executescript(DUMP)
