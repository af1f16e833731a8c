<?php use Demo\View; ?>
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title><?= View::escape($title) ?> · Askr demo</title>
<link rel="icon" href="/leaf.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css">
</head>
<body>
<header class="bar">
  <a class="brand" href="/"><img src="/leaf.svg" alt="" width="28" height="28">Askr <span>demo</span></a>
  <nav>
    <a href="/">Notes</a>
    <a href="/progress">Progress</a>
    <a href="/server">Server</a>
    <a href="/figures">Figures</a>
<?php if ($user === null) { ?>
    <a class="button" href="/login">Log in</a>
<?php } else { ?>
    <form method="post" action="/logout">
      <input type="hidden" name="token" value="<?= View::escape($token) ?>">
      <button class="quiet">Log out <?= View::escape($user) ?></button>
    </form>
<?php } ?>
  </nav>
</header>
<main>
<?php if ($message !== null) { ?>
<p class="message" role="status"><?= View::escape($message) ?></p>
<?php } ?>
