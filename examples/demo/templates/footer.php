<?php use Demo\Server; use Demo\View; ?>
</main>
<footer>
  Served by worker <b><?= Server::worker() ?></b> in <?= Server::milliseconds() ?> ms
  · request <code><?= View::escape(Server::requestId()) ?></code>
  · PHP <?= PHP_VERSION ?>
</footer>
</body>
</html>
