/* The words of the page, and dates and times as the browser's language writes them. ES5; Intl where there is any. */
(function (root) {
  "use strict";
  var WORDS = {
    en: {
      emptyTitle: "No photos yet", emptyText: "New photos appear here by themselves.",
      previous: "Previous photo", next: "Next photo", pause: "Pause", resume: "Continue", info: "About this photo",
      reject: "Not this one", full: "Full screen", controls: "Controls", undo: "Undo",
      rejected: "This photo will not be shown again.", paused: "Paused", playing: "The show goes on.",
      which: "Which of the two?", left: "The left one", right: "The right one", upper: "The upper one", lower: "The lower one", both: "Both", allRejected: "These photos will not be shown again.",
      ignored: "These settings in the address were not understood: {0}",
      text: "Caption", taken: "Taken", place: "Place", album: "Album", number: "Photo", of: "{0} of {1}", frame: "Frame",
      connection: "Connection", connected: "Connected", lost: "No connection since {0}. The photos that are here are shown.",
      pairTitle: "Pair this frame", pairText: "Enter this code on picsync\u2019s status page, or type on its computer:",
      pairWait: "As soon as the code has been entered, the photos appear here.",
      pairLost: "picsync does not answer. This page keeps trying."
    },
    de: {
      emptyTitle: "Noch keine Fotos", emptyText: "Neue Fotos erscheinen hier von selbst.",
      previous: "Voriges Foto", next: "N\u00e4chstes Foto", pause: "Anhalten", resume: "Weiter", info: "\u00dcber dieses Foto",
      reject: "Dieses nicht", full: "Vollbild", controls: "Bedienung", undo: "R\u00fcckg\u00e4ngig",
      rejected: "Dieses Foto wird nicht mehr gezeigt.", paused: "Angehalten", playing: "Es geht weiter.",
      which: "Welches der beiden?", left: "Das linke", right: "Das rechte", upper: "Das obere", lower: "Das untere", both: "Beide", allRejected: "Diese Fotos werden nicht mehr gezeigt.",
      ignored: "Diese Einstellungen in der Adresse sind unverst\u00e4ndlich: {0}",
      text: "Bildunterschrift", taken: "Aufgenommen", place: "Ort", album: "Album", number: "Foto", of: "{0} von {1}", frame: "Rahmen",
      connection: "Verbindung", connected: "Verbunden", lost: "Keine Verbindung seit {0}. Die vorhandenen Fotos werden gezeigt.",
      pairTitle: "Diesen Rahmen verbinden", pairText: "Geben Sie diesen Code auf der Statusseite von picsync ein, oder tippen Sie auf dessen Rechner:",
      pairWait: "Sobald der Code eingegeben ist, erscheinen hier die Fotos.",
      pairLost: "picsync antwortet nicht. Diese Seite versucht es weiter."
    },
    fr: {
      emptyTitle: "Pas encore de photos", emptyText: "Les nouvelles photos appara\u00eetront ici d\u2019elles-m\u00eames.",
      previous: "Photo pr\u00e9c\u00e9dente", next: "Photo suivante", pause: "Pause", resume: "Reprendre", info: "\u00c0 propos de cette photo",
      reject: "Pas celle-ci", full: "Plein \u00e9cran", controls: "Commandes", undo: "Annuler",
      rejected: "Cette photo ne sera plus affich\u00e9e.", paused: "En pause", playing: "Le diaporama reprend.",
      which: "Laquelle des deux\u00a0?", left: "Celle de gauche", right: "Celle de droite", upper: "Celle du haut", lower: "Celle du bas", both: "Les deux", allRejected: "Ces photos ne seront plus affich\u00e9es.",
      ignored: "Ces r\u00e9glages de l\u2019adresse n\u2019ont pas \u00e9t\u00e9 compris\u00a0: {0}",
      text: "L\u00e9gende", taken: "Date", place: "Lieu", album: "Album", number: "Photo", of: "{0} sur {1}", frame: "Cadre",
      connection: "Connexion", connected: "Connect\u00e9", lost: "Pas de connexion depuis {0}. Les photos d\u00e9j\u00e0 pr\u00e9sentes sont affich\u00e9es.",
      pairTitle: "Associer ce cadre", pairText: "Saisissez ce code sur la page d\u2019\u00e9tat de picsync, ou tapez sur son ordinateur\u00a0:",
      pairWait: "D\u00e8s que le code aura \u00e9t\u00e9 saisi, les photos appara\u00eetront ici.",
      pairLost: "picsync ne r\u00e9pond pas. Cette page continue d\u2019essayer."
    },
    es: {
      emptyTitle: "Todav\u00eda no hay fotos", emptyText: "Las fotos nuevas aparecer\u00e1n aqu\u00ed solas.",
      previous: "Foto anterior", next: "Foto siguiente", pause: "Pausa", resume: "Continuar", info: "Sobre esta foto",
      reject: "Esta no", full: "Pantalla completa", controls: "Controles", undo: "Deshacer",
      rejected: "Esta foto no se volver\u00e1 a mostrar.", paused: "En pausa", playing: "La presentaci\u00f3n contin\u00faa.",
      which: "\u00bfCu\u00e1l de las dos?", left: "La de la izquierda", right: "La de la derecha", upper: "La de arriba", lower: "La de abajo", both: "Las dos", allRejected: "Estas fotos no se volver\u00e1n a mostrar.",
      ignored: "No se han entendido estos ajustes de la direcci\u00f3n: {0}",
      text: "Pie de foto", taken: "Fecha", place: "Lugar", album: "\u00c1lbum", number: "Foto", of: "{0} de {1}", frame: "Marco",
      connection: "Conexi\u00f3n", connected: "Conectado", lost: "Sin conexi\u00f3n desde {0}. Se muestran las fotos que ya est\u00e1n aqu\u00ed.",
      pairTitle: "Vincular este marco", pairText: "Introduzca este c\u00f3digo en la p\u00e1gina de estado de picsync, o escriba en su ordenador:",
      pairWait: "En cuanto se introduzca el c\u00f3digo, las fotos aparecer\u00e1n aqu\u00ed.",
      pairLost: "picsync no responde. Esta p\u00e1gina sigue intent\u00e1ndolo."
    },
    it: {
      emptyTitle: "Ancora nessuna foto", emptyText: "Le nuove foto appariranno qui da sole.",
      previous: "Foto precedente", next: "Foto successiva", pause: "Pausa", resume: "Continua", info: "Informazioni sulla foto",
      reject: "Questa no", full: "Schermo intero", controls: "Comandi", undo: "Annulla",
      rejected: "Questa foto non verr\u00e0 pi\u00f9 mostrata.", paused: "In pausa", playing: "La presentazione continua.",
      which: "Quale delle due?", left: "Quella a sinistra", right: "Quella a destra", upper: "Quella sopra", lower: "Quella sotto", both: "Entrambe", allRejected: "Queste foto non verranno pi\u00f9 mostrate.",
      ignored: "Queste impostazioni nell\u2019indirizzo non sono comprensibili: {0}",
      text: "Didascalia", taken: "Data", place: "Luogo", album: "Album", number: "Foto", of: "{0} di {1}", frame: "Cornice",
      connection: "Connessione", connected: "Connesso", lost: "Nessuna connessione da {0}. Vengono mostrate le foto gi\u00e0 presenti.",
      pairTitle: "Associa questa cornice", pairText: "Inserisca questo codice nella pagina di stato di picsync, oppure digiti sul suo computer:",
      pairWait: "Appena il codice sar\u00e0 inserito, le foto appariranno qui.",
      pairLost: "picsync non risponde. Questa pagina continua a provare."
    },
    nl: {
      emptyTitle: "Nog geen foto\u2019s", emptyText: "Nieuwe foto\u2019s verschijnen hier vanzelf.",
      previous: "Vorige foto", next: "Volgende foto", pause: "Pauzeren", resume: "Doorgaan", info: "Over deze foto",
      reject: "Deze niet", full: "Volledig scherm", controls: "Bediening", undo: "Ongedaan maken",
      rejected: "Deze foto wordt niet meer getoond.", paused: "Gepauzeerd", playing: "De foto\u2019s gaan verder.",
      which: "Welke van de twee?", left: "De linker", right: "De rechter", upper: "De bovenste", lower: "De onderste", both: "Allebei", allRejected: "Deze foto\u2019s worden niet meer getoond.",
      ignored: "Deze instellingen in het adres zijn niet begrepen: {0}",
      text: "Bijschrift", taken: "Genomen", place: "Plaats", album: "Album", number: "Foto", of: "{0} van {1}", frame: "Fotolijst",
      connection: "Verbinding", connected: "Verbonden", lost: "Geen verbinding sinds {0}. De aanwezige foto\u2019s worden getoond.",
      pairTitle: "Deze fotolijst koppelen", pairText: "Voer deze code in op de statuspagina van picsync, of typ op die computer:",
      pairWait: "Zodra de code is ingevoerd, verschijnen hier de foto\u2019s.",
      pairLost: "picsync antwoordt niet. Deze pagina blijft het proberen."
    },
    pt: {
      emptyTitle: "Ainda n\u00e3o h\u00e1 fotos", emptyText: "As novas fotos aparecem aqui sozinhas.",
      previous: "Foto anterior", next: "Foto seguinte", pause: "Pausa", resume: "Continuar", info: "Sobre esta foto",
      reject: "Esta n\u00e3o", full: "Ecr\u00e3 inteiro", controls: "Controlos", undo: "Anular",
      rejected: "Esta foto n\u00e3o volta a ser mostrada.", paused: "Em pausa", playing: "A apresenta\u00e7\u00e3o continua.",
      which: "Qual das duas?", left: "A da esquerda", right: "A da direita", upper: "A de cima", lower: "A de baixo", both: "As duas", allRejected: "Estas fotos n\u00e3o voltam a ser mostradas.",
      ignored: "Estas defini\u00e7\u00f5es no endere\u00e7o n\u00e3o foram entendidas: {0}",
      text: "Legenda", taken: "Data", place: "Local", album: "\u00c1lbum", number: "Foto", of: "{0} de {1}", frame: "Moldura",
      connection: "Liga\u00e7\u00e3o", connected: "Ligado", lost: "Sem liga\u00e7\u00e3o desde {0}. S\u00e3o mostradas as fotos j\u00e1 presentes.",
      pairTitle: "Emparelhar esta moldura", pairText: "Introduza este c\u00f3digo na p\u00e1gina de estado do picsync, ou escreva no computador dele:",
      pairWait: "Assim que o c\u00f3digo for introduzido, as fotos aparecem aqui.",
      pairLost: "O picsync n\u00e3o responde. Esta p\u00e1gina continua a tentar."
    },
    sv: {
      emptyTitle: "Inga foton \u00e4n", emptyText: "Nya foton visas h\u00e4r av sig sj\u00e4lva.",
      previous: "F\u00f6reg\u00e5ende foto", next: "N\u00e4sta foto", pause: "Pausa", resume: "Forts\u00e4tt", info: "Om fotot",
      reject: "Inte det h\u00e4r", full: "Helsk\u00e4rm", controls: "Reglage", undo: "\u00c5ngra",
      rejected: "Fotot visas inte igen.", paused: "Pausad", playing: "Visningen forts\u00e4tter.",
      which: "Vilket av de tv\u00e5?", left: "Det v\u00e4nstra", right: "Det h\u00f6gra", upper: "Det \u00f6vre", lower: "Det nedre", both: "B\u00e5da", allRejected: "Fotona visas inte igen.",
      ignored: "De h\u00e4r inst\u00e4llningarna i adressen gick inte att tolka: {0}",
      text: "Bildtext", taken: "Taget", place: "Plats", album: "Album", number: "Foto", of: "{0} av {1}", frame: "Ram",
      connection: "Anslutning", connected: "Ansluten", lost: "Ingen anslutning sedan {0}. De foton som finns h\u00e4r visas.",
      pairTitle: "Parkoppla ramen", pairText: "Ange koden p\u00e5 picsyncs statussida, eller skriv p\u00e5 dess dator:",
      pairWait: "S\u00e5 snart koden har angetts visas fotona h\u00e4r.",
      pairLost: "picsync svarar inte. Sidan forts\u00e4tter att f\u00f6rs\u00f6ka."
    }
  };

  function preferred(wanted) {
    var navigator = root.navigator || {};
    return [wanted].concat(navigator.languages ? [].slice.call(navigator.languages) : [], navigator.language, navigator.userLanguage)
      .filter(function (tag) { return typeof tag === "string" && /^[A-Za-z]{2,3}(-[A-Za-z0-9]+)*$/.test(tag); });
  }

  function two(number) { return (number < 10 ? "0" : "") + number; }

  // Return the words for a language (BCP 47; "" is the browser's) with `date`, `day` and `clock`.
  root.picsyncWords = function (wanted) {
    var tags = preferred(wanted), locale = tags[0] || "en", i, known, words = {}, name;
    for (i = 0; i < tags.length && !known; i++) {
      // A language that the page does not speak still has its dates and times.
      known = WORDS[tags[i].toLowerCase().split("-")[0]];
    }
    known = known || WORDS.en;
    for (name in WORDS.en) { words[name] = known[name] || WORDS.en[name]; }
    for (name in WORDS) { if (WORDS[name] === known) { words.language = name; } }

    function intl(date, options, fallback) {
      if (typeof Intl === "object") {
        try { return new Intl.DateTimeFormat(locale, options).format(date); } catch (error) { /* an unknown language */ }
        try { return new Intl.DateTimeFormat(undefined, options).format(date); } catch (error) { /* no Intl that works */ }
      }
      return fallback;
    }

    words.insert = function (text, values) {
      return text.replace(/\{(\d)\}/g, function (all, place) { return String(values[place]); });
    };
    words.date = function (date) {
      return intl(date, { year: "numeric", month: "long", day: "numeric" },
        date.getFullYear() + "-" + two(date.getMonth() + 1) + "-" + two(date.getDate()));
    };
    words.day = function (date) {
      return intl(date, { weekday: "long", month: "long", day: "numeric" }, two(date.getDate()) + "." + two(date.getMonth() + 1) + ".");
    };
    // The time as [text, "AM" or ""]; format: "auto", "12" or "24".
    words.clock = function (date, format) {
      var sample = intl(new Date(2020, 0, 1, 13, 0), { hour: "numeric" }, "13");
      var twelve = format === "12" || format !== "24" && !/13|\u0661\u0663|\u06f1\u06f3/.test(sample);
      var hour = date.getHours();
      if (!twelve) { return [two(hour) + ":" + two(date.getMinutes()), ""]; }
      return [(hour % 12 || 12) + ":" + two(date.getMinutes()), hour < 12 ? "AM" : "PM"];
    };
    words.time = function (date, format) {
      var parts = words.clock(date, format);
      return parts[1] ? parts.join(" ") : parts[0];
    };
    words.fill = function (element, text) { element.textContent = text; };
    return words;
  };

  if (typeof module === "object" && module.exports) { module.exports = root.picsyncWords; }
}(typeof window === "object" ? window : this));
