<?php

namespace Askr\Laravel;

use Closure;
use ReflectionClass;
use ReflectionProperty;
use UnitEnum;

/**
 * Remembers the properties of objects and the static properties of classes, and puts them back.
 *
 * Values are kept as they are, not copied deeply: arrays are copy-on-write in PHP, so keeping one costs a reference,
 * and an object reached through a property is remembered on its own when it was added too. Closures, enums, objects
 * of PHP itself (PDO, WeakMap, …) and readonly properties are left alone.
 *
 * Putting back happens after every request, for some hundred objects. Assigning all their properties is cheaper than
 * finding out which of them changed, if it is done by plain assignments: so each set of properties gets a function of
 * its own, compiled once, in the scope of the class that declared them. All objects of a class are handed to it
 * together.
 */
final class StateSnapshot
{
    /** @var array<string, array{write: Closure, objects: array<int, object>, values: array<int, list<mixed>>}> */
    private array $groups = [];

    /** @var array<int, list<string>> the groups that an object is in, by object id */
    private array $memberships = [];

    /** @var list<array{Closure, list<mixed>}> */
    private array $statics = [];

    /** @var array<string, array<string, list<ReflectionProperty>>> class => declaring class => properties */
    private array $layouts = [];

    /** @param array<class-string, list<string>> $kept properties that are never put back, by the class they are in */
    public function __construct(private readonly array $kept = [])
    {
    }

    /** Remembers the object as it is now. The snapshot keeps it alive. */
    public function add(object $object): void
    {
        $this->forget($object);
        $id = spl_object_id($object);
        $this->memberships[$id] = [];
        foreach ($this->layout($object::class) as $class => $properties) {
            $names = $values = [];
            foreach ($properties as $property) {
                $ready = $property->isInitialized($object);
                $names[] = $ready ? $property->name : '!'.$property->name;
                $values[] = $ready ? $property->getValue($object) : null;
            }
            $group = $class.' '.implode(' ', $names);
            $this->groups[$group] ??= ['write' => $this->writer($class, $names), 'objects' => [], 'values' => []];
            $this->groups[$group]['objects'][$id] = $object;
            $this->groups[$group]['values'][$id] = $values;
            $this->memberships[$id][] = $group;
        }
    }

    /**
     * Remembers the object and all it reaches through properties and arrays, up to a number of steps away.
     *
     * @param  Closure(object): bool  $stop  says at which objects to turn back
     * @return list<object> the objects at which it turned back
     */
    public function add_reachable(object $root, int $steps, Closure $stop): array
    {
        $stops = [];
        for ($level = [$root]; $level !== [] && $steps >= 0; $steps--) {
            $next = [];
            foreach ($level as $object) {
                if (isset($this->memberships[spl_object_id($object)])
                    || $object instanceof Closure || $object instanceof UnitEnum) {
                    continue;
                }
                if ($stop($object)) {
                    $stops[spl_object_id($object)] = $object;
                    continue;
                }
                $this->add($object);
                $values = (array) $object;
                array_walk_recursive($values, static function ($value) use (&$next): void {
                    if (is_object($value)) {
                        $next[] = $value;
                    }
                });
            }
            $level = $next;
        }

        return array_values($stops);
    }

    /**
     * Remembers static properties that the class itself declares: all, or those named.
     *
     * @param  list<string>|null  $only
     */
    public function add_class(string $class, ?array $only = null): void
    {
        $values = [];
        foreach ((new ReflectionClass($class))->getProperties(ReflectionProperty::IS_STATIC) as $property) {
            $wanted = $property->class === $class && ($only === null || in_array($property->name, $only, true));
            if ($wanted && $property->isInitialized()) {
                $values[$property->name] = $property->getValue();
            }
        }
        if ($values !== []) {
            $this->statics[] = [$this->static_writer($class, array_keys($values)), array_values($values)];
        }
    }

    public function forget(object $object): void
    {
        $id = spl_object_id($object);
        foreach ($this->memberships[$id] ?? [] as $group) {
            unset($this->groups[$group]['objects'][$id], $this->groups[$group]['values'][$id]);
        }
        unset($this->memberships[$id]);
    }

    public function restore(): void
    {
        foreach ($this->groups as ['write' => $write, 'objects' => $objects, 'values' => $values]) {
            $write($objects, $values);
        }
        foreach ($this->statics as [$write, $values]) {
            $write($values);
        }
    }

    public function restore_object(object $object): void
    {
        $id = spl_object_id($object);
        foreach ($this->memberships[$id] ?? [] as $group) {
            $this->groups[$group]['write']([$id => $object], $this->groups[$group]['values']);
        }
    }

    /** @return array<string, list<ReflectionProperty>> */
    private function layout(string $class): array
    {
        if (isset($this->layouts[$class])) {
            return $this->layouts[$class];
        }
        $layout = [];
        for ($level = new ReflectionClass($class); $level && $level->isUserDefined(); $level = $level->getParentClass()) {
            foreach ($level->getProperties() as $property) {
                if ($property->class === $level->name && $this->is_restorable($property)) {
                    $layout[$level->name][] = $property;
                }
            }
        }

        return $this->layouts[$class] = $layout;
    }

    private function is_restorable(ReflectionProperty $property): bool
    {
        return ! $property->isStatic()
            && ! $property->isReadOnly()
            && ! (PHP_VERSION_ID >= 80400 && $property->hasHooks())
            && ! in_array($property->name, $this->kept[$property->class] ?? [], true);
    }

    /**
     * A function (objects, values) that writes values, in this order, into the properties of these names. A name with
     * a "!" before it had no value: the property loses the one that it has.
     */
    private function writer(string $class, array $names): Closure
    {
        $lines = '';
        foreach ($names as $position => $name) {
            $lines .= $name[0] === '!'
                ? 'unset($object->'.substr($name, 1).');'
                : '$object->'.$name.' = $value['.$position.'];';
        }

        return Closure::bind(eval('return static function (array $objects, array $values): void {
            foreach ($objects as $id => $object) { $value = $values[$id]; '.$lines.' }
        };'), null, $class);
    }

    private function static_writer(string $class, array $names): Closure
    {
        $lines = '';
        foreach ($names as $position => $name) {
            $lines .= '\\'.$class.'::$'.$name.' = $values['.$position.'];';
        }

        return Closure::bind(eval('return static function (array $values): void { '.$lines.' };'), null, $class);
    }
}
