"""What runs in the cell's child, where torch may be imported."""
