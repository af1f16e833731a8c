<section class="hero">
  <h1>A place for notes</h1>
  <p>This small application runs on Askr: plain PHP, a SQLite file, sessions, forms, uploads, downloads and a page that
    streams. Nothing in it knows about the server.</p>
  <p><a class="button" href="/register">Register</a> <a class="button plain" href="/login">Log in</a></p>
</section>
<section class="cards">
  <a class="card" href="/progress"><h2>Progress</h2><p>A page that grows while PHP works on it.</p></a>
  <a class="card" href="/server"><h2>Server</h2><p>Which worker answered, and with what.</p></a>
</section>
