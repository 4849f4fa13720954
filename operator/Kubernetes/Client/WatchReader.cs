using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Client;

/// <summary>Reads the lines of one watch. A line, and the silence before it, are bounded.</summary>
internal static class WatchReader
{
    /// <exception cref="KubernetesException">The server sent an Error event, such as 410 for an expired version.</exception>
    /// <exception cref="TimeoutException">Nothing came for <paramref name="idleTimeout"/>.</exception>
    /// <exception cref="InvalidDataException">A line is too long, or is no event.</exception>
    public static async IAsyncEnumerable<WatchEvent<T>> ReadAsync<T>(
        ResourceType<T> type,
        Stream stream,
        TimeSpan idleTimeout,
        int maxLineBytes,
        TimeProvider time,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
        where T : class, IKubernetesObject
    {
        var pipe = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 16 * 1024));
        // Set anew for each read: a timer of its own for each would cost as much as many an event.
        using var idle = new CancellationTokenSource(idleTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(idle.Token, cancellationToken);
        try
        {
            while (true)
            {
                var read = await ReadAsync(pipe, type, idle, idleTimeout, either.Token, cancellationToken);
                var buffer = read.Buffer;
                while (TryTakeLine(ref buffer, out var line))
                {
                    if (!line.IsEmpty)
                    {
                        yield return Parse(type, line);
                    }
                }

                // Also bounds one that never ends.
                if (buffer.Length > maxLineBytes)
                {
                    throw new InvalidDataException($"watch of {type.QualifiedName}: an event is longer than {maxLineBytes} bytes");
                }

                pipe.AdvanceTo(buffer.Start, buffer.End);
                if (read.IsCompleted)
                {
                    yield break;
                }
            }
        }
        finally
        {
            await pipe.CompleteAsync();
        }
    }

    private static async ValueTask<ReadResult> ReadAsync(
        PipeReader pipe,
        ResourceType type,
        CancellationTokenSource idle,
        TimeSpan idleTimeout,
        CancellationToken either,
        CancellationToken cancellationToken
    )
    {
        try
        {
            idle.CancelAfter(idleTimeout);
            return await pipe.ReadAsync(either);
        }
        catch (OperationCanceledException error) when (idle.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"watch of {type.QualifiedName}: silent for {idleTimeout}", error);
        }
    }

    private static bool TryTakeLine(ref ReadOnlySequence<byte> buffer, out ReadOnlySequence<byte> line)
    {
        if (buffer.PositionOf((byte)'\n') is not { } end)
        {
            line = default;
            return false;
        }

        line = buffer.Slice(0, end);
        buffer = buffer.Slice(buffer.GetPosition(1, end));
        return true;
    }

    private static WatchEvent<T> Parse<T>(ResourceType<T> type, ReadOnlySequence<byte> line)
        where T : class, IKubernetesObject
    {
        try
        {
            var reader = new Utf8JsonReader(line);
            var word = "";
            Utf8JsonReader body = default;
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isType = reader.ValueTextEquals("type"u8);
                var isObject = reader.ValueTextEquals("object"u8);
                if (isObject)
                {
                    // A copy of the reader, since the type may come after the object.
                    body = reader;
                    body.Read();
                }

                reader.Read();
                word = isType ? reader.GetString() ?? "" : word;
                reader.Skip();
            }

            return word == "ERROR" ? throw Error(type, ref body) : Event(type, word, ref body);
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"watch of {type.QualifiedName}: {error.Message}", error);
        }
    }

    private static WatchEvent<T> Event<T>(ResourceType<T> type, string word, ref Utf8JsonReader body)
        where T : class, IKubernetesObject
    {
        var kind = word switch
        {
            "ADDED" => WatchEventType.Added,
            "MODIFIED" => WatchEventType.Modified,
            "DELETED" => WatchEventType.Deleted,
            "BOOKMARK" => WatchEventType.Bookmark,
            _ => throw new JsonException($"'{word}' is no type of event"),
        };
        if (kind == WatchEventType.Bookmark)
        {
            // A bookmark has nothing but its version, which a type with required members would refuse.
            var mark = JsonSerializer.Deserialize(ref body, KubernetesJson.Default.PartialObject);
            return new WatchEvent<T>(kind, null, mark?.Metadata.ResourceVersion ?? "");
        }

        var value = type.Read(ref body);
        return new WatchEvent<T>(kind, value, value.Metadata.ResourceVersion ?? "");
    }

    private static KubernetesException Error(ResourceType type, ref Utf8JsonReader body)
    {
        var status = JsonSerializer.Deserialize(ref body, KubernetesJson.Default.Status) ?? new Status();
        return new KubernetesException((HttpStatusCode)(status.Code ?? 500), status, $"watch of {type.QualifiedName}");
    }
}
