//! Defects of the area `auth`.

use super::defects;

defects! {}
