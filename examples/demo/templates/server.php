<?php use Demo\View; ?>
<h1>Who served this page</h1>
<table class="card">
<?php foreach ($facts as $name => $value) { ?>
  <tr><th scope="row"><?= View::escape($name) ?></th><td><?= View::escape($value) ?></td></tr>
<?php } ?>
</table>
<p class="hint">Reload the page: the request id changes each time, the worker now and then.</p>
