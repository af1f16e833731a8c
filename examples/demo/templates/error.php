<?php use Demo\View; ?>
<section class="hero">
  <h1><?= $status ?></h1>
  <p><?= View::escape($text) ?></p>
  <p><a class="button" href="/">Back to the start</a></p>
</section>
