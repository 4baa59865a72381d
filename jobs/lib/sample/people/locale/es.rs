//! Spain: common names, roughly in order; people have two family names.

use super::{City, Locale};

#[rustfmt::skip]
pub(super) const LOCALE: Locale = Locale {
    female: &[
        "María", "Carmen", "Ana", "Isabel", "Laura", "Cristina", "Marta", "Lucía", "Paula",
        "Elena", "Raquel", "Sara", "Pilar", "Rosa", "Beatriz", "Sofía", "Patricia", "Nuria",
        "Silvia", "Irene", "Rocío", "Mónica", "Andrea", "Julia", "Alba", "Teresa", "Mercedes",
        "Ángela", "Inés", "Montserrat", "Concepción", "Dolores", "Noelia", "Verónica", "Begoña",
    ],
    male: &[
        "Antonio", "Manuel", "José", "Francisco", "David", "Juan", "Javier", "Daniel", "Carlos",
        "Jesús", "Alejandro", "Miguel", "Rafael", "Pedro", "Pablo", "Ángel", "Sergio", "Fernando",
        "Jorge", "Luis", "Alberto", "Álvaro", "Adrián", "Diego", "Raúl", "Iván", "Rubén", "Óscar",
        "Víctor", "Hugo", "Mateo", "Martín", "Íñigo", "Ignacio", "Gonzalo",
    ],
    family: &[
        "García", "Rodríguez", "González", "Fernández", "López", "Martínez", "Sánchez", "Pérez",
        "Gómez", "Martín", "Jiménez", "Hernández", "Ruiz", "Díaz", "Moreno", "Muñoz", "Álvarez",
        "Romero", "Gutiérrez", "Alonso", "Navarro", "Torres", "Domínguez", "Ramos", "Vázquez",
        "Ramírez", "Gil", "Serrano", "Morales", "Molina", "Blanco", "Suárez", "Castro", "Ortega",
        "Delgado", "Ortiz", "Marín", "Rubio", "Núñez", "Medina", "Sanz", "Castillo", "Iglesias",
        "Cortés", "Garrido", "Santos", "Guerrero", "Lozano", "Cano", "Cruz", "Méndez", "Flores",
        "Prieto", "Herrera", "Peña", "León", "Márquez", "Cabrera", "Gallego", "Calvo", "Vidal",
        "Campos", "Reyes", "Vega", "Fuentes", "Carrasco", "Díez", "Aguilar", "Caballero", "Nieto",
        "Santana", "Vargas", "Pascual", "Giménez", "Herrero", "Hidalgo", "Montero", "Lorenzo",
        "Santiago", "Benítez", "Durán", "Ibáñez", "Arias", "Mora", "Ferrer", "Carmona", "Vicente",
    ],
    family_parts: (&[], &[]),
    family_tail: 0.0,
    streets: &[
        "Calle Mayor", "Calle Real", "Avenida de la Constitución", "Calle del Carmen",
        "Plaza de España", "Calle de la Iglesia", "Calle San José", "Calle Nueva",
        "Paseo del Prado", "Avenida de Andalucía", "Calle Cervantes", "Calle Goya",
        "Calle Santa María", "Ronda de Toledo", "Calle de las Flores", "Camino Viejo",
        "Calle Ramón y Cajal", "Travesía del Sol",
    ],
    number_first: false,
    flats: "",
    cities: &[
        City { name: "Madrid", region: None, postcode: "280##" },
        City { name: "Barcelona", region: None, postcode: "080##" },
        City { name: "Valencia", region: None, postcode: "460##" },
        City { name: "Sevilla", region: None, postcode: "410##" },
        City { name: "Zaragoza", region: None, postcode: "500##" },
        City { name: "Málaga", region: None, postcode: "290##" },
        City { name: "Bilbao", region: None, postcode: "480##" },
        City { name: "A Coruña", region: None, postcode: "150##" },
        City { name: "Vitoria-Gasteiz", region: None, postcode: "010##" },
    ],
    country_name: "España",
    titles: ("Sra.", "Sr."),
};
