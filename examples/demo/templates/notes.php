<?php use Demo\View; ?>
<h1>Your notes</h1>
<form class="card form" method="post" action="/notes" enctype="multipart/form-data">
  <input type="hidden" name="token" value="<?= View::escape($token) ?>">
  <label for="title">Title</label>
  <input id="title" name="title" value="<?= View::escape($values['title'] ?? '') ?>"
         <?= isset($errors['title']) ? 'aria-invalid="true" aria-describedby="title-error"' : '' ?>>
<?php if (isset($errors['title'])) { ?>
  <p class="error" id="title-error"><?= View::escape($errors['title']) ?></p>
<?php } ?>
  <label for="body">Text</label>
  <textarea id="body" name="body" rows="4"><?= View::escape($values['body'] ?? '') ?></textarea>
<?php if (isset($errors['body'])) { ?>
  <p class="error"><?= View::escape($errors['body']) ?></p>
<?php } ?>
  <label for="file">File <span class="hint">up to <?= View::escape(ini_get('upload_max_filesize')) ?></span></label>
  <input id="file" name="file" type="file">
<?php if (isset($errors['file'])) { ?>
  <p class="error"><?= View::escape($errors['file']) ?></p>
<?php } ?>
  <button>Keep it</button>
</form>
<?php if ($notes === []) { ?>
<p class="empty">No notes yet. The first one goes into the form above.</p>
<?php } ?>
<ul class="notes">
<?php foreach ($notes as $note) { ?>
  <li class="card">
    <a href="/notes/<?= $note['id'] ?>"><?= View::escape($note['title']) ?></a>
    <span class="hint"><?= date('j M Y, H:i', $note['created']) ?><?= $note['file_name'] === null ? '' : ' · with a file' ?></span>
  </li>
<?php } ?>
</ul>
