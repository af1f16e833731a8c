<?php

namespace App\Controller;

use App\Visits;
use RuntimeException;
use Symfony\Bundle\FrameworkBundle\Controller\AbstractController;
use Symfony\Component\HttpFoundation\BinaryFileResponse;
use Symfony\Component\HttpFoundation\JsonResponse;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\HttpFoundation\StreamedResponse;
use Symfony\Component\HttpKernel\Exception\NotFoundHttpException;
use Symfony\Component\Routing\Attribute\Route;

class SiteController extends AbstractController
{
    public function __construct(private readonly Visits $visits)
    {
    }

    #[Route('/api/hello', methods: ['GET'])]
    public function hello(Request $request): JsonResponse
    {
        return $this->json(['message' => 'Hello, '.$request->query->get('name', 'world'), 'pid' => getmypid()]);
    }

    #[Route('/api/echo', methods: ['POST', 'PUT', 'PATCH', 'DELETE'])]
    public function echo(Request $request): JsonResponse
    {
        return $this->json([
            'method' => $request->getMethod(),
            'payload' => $request->getPayload()->all(),
            'query' => $request->query->all(),
            'probe' => $request->headers->get('X-Probe'),
            'url' => $request->getUri(),
            'visits' => [$this->visits->add(), $this->visits->add()],
        ]);
    }

    #[Route('/basket', methods: ['GET', 'POST'])]
    public function basket(Request $request): JsonResponse
    {
        $session = $request->getSession();
        if ($request->isMethod('POST')) {
            $session->set('items', [...$session->get('items', []), $request->request->get('item')]);
        }

        return $this->json(['items' => $session->get('items', []), 'id' => $session->getId()]);
    }

    #[Route('/sign-in/{name}', methods: ['POST'])]
    public function signIn(Request $request, string $name): Response
    {
        $request->getSession()->migrate(true);
        $request->getSession()->set('user', $name);

        return $this->redirectToRoute('me');
    }

    #[Route('/me', name: 'me', methods: ['GET'])]
    public function me(Request $request): JsonResponse
    {
        return $this->json(['user' => $request->getSession()->get('user')]);
    }

    #[Route('/files', methods: ['POST'])]
    public function upload(Request $request): JsonResponse
    {
        $file = $request->files->get('file');
        if ($file === null || ! $file->isValid()) {
            return $this->json(['error' => $file?->getErrorMessage() ?? 'no file'], 422);
        }
        $answer = ['name' => $file->getClientOriginalName(), 'size' => $file->getSize()];
        $stored = $file->move($this->folder(), bin2hex(random_bytes(8)).'.bin');

        return $this->json($answer + ['stored' => $stored->getFilename()], 201);
    }

    #[Route('/files/{name}', requirements: ['name' => '[a-f0-9]+\.bin'], methods: ['GET'])]
    public function download(string $name): BinaryFileResponse
    {
        if (! is_file($this->folder().'/'.$name)) {
            throw new NotFoundHttpException;
        }

        return $this->file($this->folder().'/'.$name);
    }

    #[Route('/stream', methods: ['GET'])]
    public function lines(Request $request): StreamedResponse
    {
        $pause = $request->query->getInt('pause_ms');

        return new StreamedResponse(function () use ($pause): void {
            for ($number = 1; $number <= 5; $number++) {
                echo "line {$number}\n";
                if (ob_get_level() > 0) {
                    ob_flush();
                }
                flush();
                usleep($pause * 1000);
            }
        }, 200, ['Content-Type' => 'text/plain']);
    }

    #[Route('/error', methods: ['GET'])]
    public function fail(): never
    {
        throw new RuntimeException('asked to fail');
    }

    private function folder(): string
    {
        return $this->getParameter('kernel.project_dir').'/var/uploads';
    }
}
