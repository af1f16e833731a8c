<?php use Demo\View; ?>
<h1>Log in</h1>
<form class="card form" method="post" action="/login">
  <input type="hidden" name="token" value="<?= View::escape($token) ?>">
  <label for="name">Name</label>
  <input id="name" name="name" value="<?= View::escape($values['name'] ?? '') ?>" autocomplete="username" required
         <?= isset($errors['name']) ? 'aria-invalid="true" aria-describedby="name-error"' : '' ?>>
<?php if (isset($errors['name'])) { ?>
  <p class="error" id="name-error"><?= View::escape($errors['name']) ?></p>
<?php } ?>
  <label for="password">Password</label>
  <input id="password" name="password" type="password" autocomplete="current-password" required>
  <button>Log in</button>
  <p class="hint">No account yet? <a href="/register">Register</a>; it takes two fields.</p>
</form>
