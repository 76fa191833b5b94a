"""Word lists of the bakery: common given and family names, made-up streets, real cities of Texas."""

from __future__ import annotations

from typing import NamedTuple


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


GIVEN_NAMES = _words("""
Aaron Abigail Adam Adriana Aisha Alan Alejandro Alice Amanda Amir Amy Ana Andrea Andrew Angela Anita Anthony Arjun
Ashley Barbara Beatriz Benjamin Beth Brandon Brian Camila Carl Carlos Carmen Caroline Catherine Charles Chloé Christina
Christopher Claire Cynthia Daniel Daniela David Deborah Denise Derek Diana Diego Donna Dorothy Edward Eleanor Elena
Elizabeth Emily Emma Eric Esther Eva Fatima Felix Fernando Frances Francisco Frank Gabriel Gabriela George Gloria Grace
Gregory Hannah Harold Heather Helen Henry Hiroshi Holly Hugo Ian Ines Irene Isaac Isabel Jacob James Jamal Janet Jasmine
Jason Jeffrey Jennifer Jessica Joan John Jonathan José Joseph Joshua Joyce Juan Judith Julia Karen Katherine Keith Kelly
Kenneth Kevin Kimberly Laura Lawrence Leah Leonard Lillian Linda Lisa Louise Lucas Lucía Luis Madeline Marcus Margaret
María Mark Martha Martin Mateo Matthew Megan Mei Melissa Michael Michelle Miguel Miriam Monica Naomi Natalie Nathan
Nicholas Nicole Noah Nora Olivia Omar Oscar Pamela Patricia Patrick Paul Peter Philip Priya Rachel Ramón Raymond Rebecca
Ricardo Richard Robert Robin Rosa Ruth Ryan Samantha Samuel Sandra Sara Scott Sean Sharon Simon Sofia Stephanie Stephen
Steven Susan Tamara Teresa Theodore Thomas Timothy Tyler Valeria Vanessa Victor Victoria Vincent Virginia Walter Wei
Wendy William Xavier Yolanda Yusuf Zachary Zoë
""")

FAMILY_NAMES = _words("""
Abbott Acosta Adams Adkins Aguilar Ahmed Allen Alvarez Anderson Andrews Arnold Austin Bailey Baker Banks Barnes Barrera
Bell Bennett Berg Bishop Black Boone Bowen Boyd Bradley Brooks Brown Bryant Burke Burns Butler Byrd Calderón Campbell
Cardenas Carlson Carpenter Carr Carroll Carter Castillo Castro Chan Chandra Chang Chavez Chen Christensen Clark Cohen
Cole Coleman Collins Conner Contreras Cook Cooper Cortez Cox Craig Cruz Cunningham Curtis Daniels Davis Dean Delgado
Díaz Dixon Dominguez Douglas Doyle Duncan Dunn Edwards Elliott Ellis Espinoza Estrada Evans Ferguson Fernandez Fields
Fisher Fleming Flores Ford Foster Fox Franklin Freeman Fuentes Garcia Gardner Garza Gibson Gilbert Gill Gomez Gonzales
Goodman Gordon Graham Grant Gray Green Griffin Guerra Guerrero Gupta Gutierrez Guzman Hall Hamilton Hansen Harper Harris
Hart Hayes Henderson Hernandez Herrera Hicks Hill Hoffman Holmes Howard Hudson Hughes Hunt Hussain Ibarra Ingram Jackson
Jacobs James Jenkins Jensen Jimenez Johnson Jones Jordan Joseph Juarez Kaplan Keller Kelly Kennedy Khan Kim King Klein
Knight Kumar Lambert Lane Larson Lawson Le Lee Leonard Lewis Li Lin Long Lopez Lowe Luna Lynch Maldonado Marshall Martin
Martinez Mason Matthews May Mendoza Meyer Miller Mills Miranda Mitchell Montgomery Moore Morales Moreno Morgan Morris
Muñoz Murphy Murray Myers Navarro Nelson Nguyen Nichols Nolan Novak Núñez Obrien Oliver Olson Ortega Ortiz Owens Padilla
Palmer Park Parker Patel Patterson Payne Pearson Peña Perez Perkins Perry Peters Peterson Pham Phillips Pierce Porter
Powell Price Quinn Ramirez Ramos Ray Reed Reyes Reynolds Rice Richards Riley Rios Rivera Robbins Roberts Robinson
Rodriguez Rogers Rojas Romero Rosales Rose Ross Ruiz Russell Ryan Salazar Sanchez Sanders Sandoval Santos Saunders
Schmidt Schneider Schultz Scott Shah Shaw Silva Simmons Simpson Singh Smith Snyder Solis Soto Spencer Stephens Stevens
Stewart Stone Sullivan Tanaka Taylor Thomas Thompson Torres Tran Trevino Tucker Turner Valdez Vargas Vasquez Vega Vu
Wagner Walker Wallace Walsh Wang Ward Warren Washington Watson Weaver Webb Weber Wells West White Williams Willis Wilson
Wong Wood Woods Wright Yang Yates Young Zamora Zhang Ziegler
""")

NICKNAMES = {
    "Alejandro": "Alex", "Abigail": "Abby", "Andrew": "Andy", "Anthony": "Tony", "Benjamin": "Ben",
    "Catherine": "Cathy", "Charles": "Charlie", "Christina": "Tina", "Christopher": "Chris", "Daniel": "Dan",
    "Deborah": "Debbie", "Edward": "Ed", "Elizabeth": "Liz", "Francisco": "Paco", "Gabriel": "Gabe", "Gregory": "Greg",
    "James": "Jim", "Jeffrey": "Jeff", "Jennifer": "Jen", "Jessica": "Jess", "John": "Jack", "Jonathan": "Jon",
    "Joseph": "Joe", "Joshua": "Josh", "Katherine": "Kate", "Kenneth": "Ken", "Kimberly": "Kim", "Lawrence": "Larry",
    "Margaret": "Peggy", "Matthew": "Matt", "Michael": "Mike", "Nicholas": "Nick", "Pamela": "Pam", "Patricia": "Pat",
    "Rebecca": "Becky", "Richard": "Rick", "Robert": "Bob", "Samantha": "Sam", "Samuel": "Sam", "Stephanie": "Steph",
    "Stephen": "Steve", "Steven": "Steve", "Susan": "Sue", "Theodore": "Ted", "Thomas": "Tom", "Timothy": "Tim",
    "Victoria": "Vicky", "William": "Bill", "Zachary": "Zach",
}  # fmt: skip

STREET_NAMES = _words("""
Almond Anise Apricot Barley Basil Biscuit Brioche Buttermilk Caraway Cardamom Chestnut Cinnamon Clove Cornmeal Crumb
Currant Damson Fennel Fig Flour Ginger Granary Griddle Hazelnut Honeycomb Juniper Kneading Larder Lavender Leaven Lemon
Maple Marzipan Millstone Molasses Muscovado Nutmeg Oatmeal Orchard Oven Pecan Pepper Plum Poppyseed Pretzel Quince
Raisin Rhubarb Rosemary Rye Saffron Sesame Sorghum Sourdough Spelt Tamarind Thyme Treacle Vanilla Walnut Wheatfield
""")
STREET_KINDS = (("Street", "St"), ("Avenue", "Ave"), ("Road", "Rd"), ("Lane", "Ln"), ("Drive", "Dr"), ("Court", "Ct"))

MAIL_DOMAINS = ("mail.example", "inbox.example", "post.example", "webmail.example", "hello.example", "letters.example")
"""Under the top-level domain that RFC 2606 keeps free for examples: no letter can ever arrive."""

PLACEHOLDER_EMAILS = ("none@none.com", "noreply@bakery.example", "test@test.com", "na@na.com", "noemail@noemail.com")
PLACEHOLDER_PHONES = ("0000000000", "1234567890", "999-999-9999", "(000) 000-0000")

PRODUCTS = (
    "Baguette", "Sourdough Loaf", "Rye Loaf", "Croissant", "Almond Croissant", "Cinnamon Roll", "Blueberry Muffin",
    "Lemon Tart", "Pecan Pie Slice", "Kolache", "Concha", "Empanada", "Banana Bread", "Carrot Cake", "Cheese Scone",
    "Oatmeal Cookie", "Brownie", "Apple Turnover", "Focaccia", "Bagel",
)  # fmt: skip


class City(NamedTuple):
    """Where people and shops are."""

    name: str
    zips: tuple[str, ...]
    area_codes: tuple[str, ...]
    share: float
    """Of the people."""


CITIES = (
    City("Austin", ("78701", "78702", "78704", "78722", "78731", "78745", "78751", "78757"), ("512", "737"), 0.34),
    City("Dallas", ("75201", "75204", "75206", "75214", "75219", "75225"), ("214", "469", "972"), 0.24),
    City("Houston", ("77002", "77005", "77006", "77008", "77019", "77098"), ("713", "281", "832"), 0.22),
    City("San Antonio", ("78205", "78209", "78212", "78216", "78230"), ("210", "726"), 0.12),
    City("Fort Worth", ("76102", "76104", "76107", "76109"), ("817", "682"), 0.08),
)
STATE = "TX"


class Shop(NamedTuple):
    """One of the bakery's shops."""

    number: str
    name: str
    street: str
    zip: str


_SHOP_STREETS = {
    "Austin": ("Brioche", "Leaven", "Millstone"),
    "Dallas": ("Granary", "Oven"),
    "Houston": ("Rye", "Saffron"),
    "San Antonio": ("Quince",),
    "Fort Worth": ("Honeycomb",),
}
_PLACES = [(city, street) for city in CITIES for street in _SHOP_STREETS[city.name]]
SHOPS = {
    city.name: tuple(
        Shop(f"{301 + index}", f"Bakery {street}", f"{100 + 20 * index} {street} Street", city.zips[0])
        for index, (place, street) in enumerate(_PLACES)
        if place is city
    )
    for city in CITIES
}
"""The shops of each city, by its name."""
