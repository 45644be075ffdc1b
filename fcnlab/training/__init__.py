"""How the shipped networks are made: recipes, teachers, students, sweeps."""
