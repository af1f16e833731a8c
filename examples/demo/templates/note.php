<?php use Demo\View; ?>
<article class="card">
  <h1><?= View::escape($note['title']) ?></h1>
  <p class="hint"><?= date('j F Y, H:i', $note['created']) ?></p>
  <p class="text"><?= nl2br(View::escape($note['body'])) ?></p>
<?php if ($note['file_name'] !== null) { ?>
  <p><a class="file" href="/notes/<?= $note['id'] ?>/file"><?= View::escape($note['file_name']) ?></a>
    <span class="hint"><?= View::size($note['file_size']) ?></span></p>
<?php } ?>
  <form method="post" action="/notes/<?= $note['id'] ?>/delete">
    <input type="hidden" name="token" value="<?= View::escape($token) ?>">
    <button class="quiet">Delete this note</button>
  </form>
</article>
<p><a href="/">All notes</a></p>
