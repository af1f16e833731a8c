<?php

namespace Askr\Laravel;

use Carbon\Carbon;
use Carbon\FactoryImmutable;
use Closure;
use Illuminate\Contracts\Foundation\MaintenanceMode;
use Illuminate\Database\Connection;
use Illuminate\Database\DatabaseManager;
use Illuminate\Database\Eloquent\Model;
use Illuminate\Database\Events\ConnectionEstablished;
use Illuminate\Events\Dispatcher;
use Illuminate\Foundation\Application;
use Illuminate\Http\Request;
use Illuminate\Routing\CompiledRouteCollection;
use Illuminate\Routing\Events\RouteMatched;
use Illuminate\Routing\Route;
use Illuminate\View\Factory as View;
use Illuminate\View\FileViewFinder;
use Illuminate\Support\ServiceProvider;
use PDO;
use Throwable;

/**
 * Keeps one request from seeing what another left in the framework.
 *
 * When the application has booted, its state is remembered: the container with all bindings and instances, every
 * service that exists by then with what it holds, and the static properties that the framework uses as settings. After
 * each request all of it is put back. A service that a request was the first to ask for disappears with it; one that
 * changed is as it was: configuration, locale, URLs, shared view data, queued cookies, guards, listeners, routes,
 * middleware, resolvers. Nothing has to be known about a service for that, so it holds for the application's own ones
 * too, as far as they were resolved while booting.
 *
 * The usual alternative, a clone of the application per request, leaves the services themselves shared and has to hand
 * each of them the clone; it costs more and resets less.
 *
 * What is meant to outlive a request stays: database, Redis and queue connections (with open transactions rolled back
 * and logs emptied), the list of compiled views, and every service tagged `askr.keep`. Not reached: static variables
 * inside functions, static properties of the application's own classes, and objects more than three steps away from
 * the container.
 */
final class Sandbox
{
    private const STEPS = 3;

    private StateSnapshot $state;

    private DatabaseManager $databases;

    private Dispatcher $events;

    private View $view;

    /** Routes are many and few of them change: only those that were matched are put back. */
    private StateSnapshot $routes;

    private StateSnapshot $models;

    /** @var list<Route> */
    private array $matched = [];

    /** @var array<int, Connection> those made by requests, by object id */
    private array $connections = [];

    private Closure $global_scopes;

    private array $listeners = [];

    private array $scopes = [];

    private array $view_locations = [];

    private string $timezone = 'UTC';

    private string $locale = 'C';

    public function __construct(private readonly Application $app)
    {
        $this->state = new StateSnapshot(FrameworkState::KEPT);
        $this->routes = new StateSnapshot;
        $this->models = new StateSnapshot;
        $this->global_scopes = Closure::bind(static fn (): array => Model::$globalScopes, null, Model::class);
    }

    /** Remembers the state to which every request shall come. Call it once, when the application has booted. */
    public function seal(): void
    {
        $this->warm();
        $this->share_middleware();
        $this->build_routes();
        $this->databases = $this->app['db'];
        $this->events = $this->app['events'];
        $this->view = $this->app['view'];
        foreach ($this->databases->getConnections() as $connection) {
            $connection->disconnect();  // a worker forked from this process must not share it; it reconnects by itself
        }
        $this->events->listen(ConnectionEstablished::class, function (ConnectionEstablished $event): void {
            $this->connections[spl_object_id($event->connection)] = $event->connection;
            $this->state->add($event->connection);
        });
        $this->remember();
    }

    /** Puts everything back. Nothing of the request that ended may be in use any more. */
    public function restore(): void
    {
        $this->settle_connections();
        $this->restore_models();
        if ($this->view_locations() !== $this->view_locations) {
            $this->view->flushFinderCache();
        }
        foreach ($this->matched as $route) {
            $this->routes->restore_object($route);
        }
        $this->matched = [];
        $this->state->restore();

        if (date_default_timezone_get() !== $this->timezone) {
            date_default_timezone_set($this->timezone);
        }
        if (setlocale(LC_ALL, '0') !== $this->locale) {
            setlocale(LC_ALL, $this->locale);
        }
    }

    private function warm(): void
    {
        foreach (FrameworkState::WARM as $service) {
            $this->resolve($service);
        }
        // Bound as a new object for each request, though all it does is look whether a file is there.
        $this->app->instance(MaintenanceMode::class, $this->app->make(MaintenanceMode::class));
        foreach (['blade', 'php', 'file'] as $engine) {
            $this->app['view.engine.resolver']->resolve($engine);
        }
    }

    private function share_middleware(): void
    {
        foreach (array_filter(FrameworkState::SHARED_MIDDLEWARE, class_exists(...)) as $class) {
            if (! $this->app->bound($class)) {
                $this->app->singleton($class);
            }
            if ($this->app->isShared($class)) {
                $this->resolve($class);
            }
        }
    }

    /** Cached routes become objects when they are first matched, and are compiled then: here for all requests. */
    private function build_routes(): void
    {
        $routes = $this->app['router']->getRoutes();
        if ($routes instanceof CompiledRouteCollection) {
            $compile = Closure::bind(static fn (Route $route) => $route->compileRoute(), null, Route::class);
            foreach ($routes as $route) {
                $compile($routes->getByName($route->getName()));
            }
        }
    }

    private function resolve(string $service): void
    {
        try {
            $this->app->make($service);
        } catch (Throwable) {
            return;  // not set up in this application: a request that asks for it gets the error
        }
    }

    private function remember(): void
    {
        foreach (array_filter(FrameworkState::CLASSES, class_exists(...)) as $class) {
            $this->state->add_class($class);
        }
        $this->state->add_class(Model::class, FrameworkState::MODEL_SETTINGS);
        $this->models->add_class(Model::class, FrameworkState::MODEL_BOOT_STATE);

        $kept = iterator_to_array($this->app->tagged('askr.keep'), false);
        $stop = static fn (object $object): bool => $object instanceof Route || $object instanceof Request
            || $object instanceof PDO || in_array($object, $kept, true)
            || ($object instanceof ServiceProvider && str_starts_with($object::class, 'Illuminate\\'));
        $routes = array_filter(
            $this->state->add_reachable($this->app, self::STEPS, $stop),
            static fn (object $object): bool => $object instanceof Route);
        $this->state->add_reachable(Carbon::getTranslator(), self::STEPS, $stop);
        if (class_exists(FactoryImmutable::class)) {
            $this->state->add_reachable(FactoryImmutable::getDefaultInstance(), self::STEPS, $stop);
        }
        if ($routes !== []) {
            $this->watch_routes($routes);
        }

        $this->listeners = $this->events->getRawListeners();
        $this->scopes = ($this->global_scopes)();
        $this->view_locations = $this->view_locations();
        $this->timezone = date_default_timezone_get();
        $this->locale = setlocale(LC_ALL, '0');
    }

    /** @param array<Route> $routes */
    private function watch_routes(array $routes): void
    {
        foreach ($routes as $route) {
            $this->routes->add($route);
        }
        $this->events->listen(RouteMatched::class, function (RouteMatched $event): void {
            $this->matched[] = $event->route;
        });
        $this->state->add($this->events);
    }

    private function settle_connections(): void
    {
        $current = $this->databases->getConnections();
        foreach ($current as $connection) {
            try {
                $this->settle($connection);
            } catch (Throwable) {
                $connection->disconnect();
            }
        }
        foreach ($this->connections as $id => $connection) {
            if (! in_array($connection, $current, true)) {
                $this->state->forget($connection);
                unset($this->connections[$id]);
            }
        }
    }

    private function settle(Connection $connection): void
    {
        if ($connection->transactionLevel() > 0) {
            $connection->rollBack(0);
        }
        foreach ([$connection->getRawPdo(), $connection->getRawReadPdo()] as $pdo) {
            if ($pdo instanceof PDO && $pdo->inTransaction()) {
                $pdo->rollBack();
            }
        }
    }

    /**
     * A model class boots at its first use, which may add listeners and global scopes. When a request changed those,
     * by booting models or otherwise, models boot again in the next; when it did not, they stay booted.
     */
    private function restore_models(): void
    {
        if ($this->events->getRawListeners() !== $this->listeners || ($this->global_scopes)() !== $this->scopes) {
            $this->models->restore();
        }
    }

    private function view_locations(): array
    {
        $finder = $this->view->getFinder();

        return $finder instanceof FileViewFinder
            ? [$finder->getPaths(), $finder->getHints(), $finder->getExtensions()] : [];
    }
}
