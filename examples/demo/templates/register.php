<?php use Demo\Users; use Demo\View; ?>
<h1>Register</h1>
<form class="card form" method="post" action="/register">
  <input type="hidden" name="token" value="<?= View::escape($token) ?>">
  <label for="name">Name</label>
  <input id="name" name="name" value="<?= View::escape($values['name'] ?? '') ?>" autocomplete="username" required
         <?= isset($errors['name']) ? 'aria-invalid="true" aria-describedby="name-error"' : '' ?>>
<?php if (isset($errors['name'])) { ?>
  <p class="error" id="name-error"><?= View::escape($errors['name']) ?></p>
<?php } ?>
  <label for="password">Password</label>
  <input id="password" name="password" type="password" autocomplete="new-password" required
         <?= isset($errors['password']) ? 'aria-invalid="true" aria-describedby="password-error"' : '' ?>>
<?php if (isset($errors['password'])) { ?>
  <p class="error" id="password-error"><?= View::escape($errors['password']) ?></p>
<?php } ?>
  <p class="hint">At least <?= Users::PASSWORD_LENGTH ?> characters. Only its hash is kept.</p>
  <button>Register</button>
</form>
