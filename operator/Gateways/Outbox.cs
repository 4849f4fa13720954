using System.Threading.Channels;

namespace Mooring.Operator.Gateways;

/// <summary>What one stream still has to send: only the newest of each kind, so a slow gateway costs no memory and skips what is stale.</summary>
/// <remarks>
/// Thread-safe: any thread puts, one thread takes. Bounded by its keys: one config, one directive, one per backend, and a few questions. The config is taken
/// before endpoints, and both before the directive, whatever the order they were put in.
/// </remarks>
internal sealed class Outbox
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, ReadOnlyMemory<byte>> _endpoints = new(StringComparer.Ordinal);

    // A signal that is already there is as good as another: the taker drains everything before it waits again.
    private readonly Channel<bool> _available = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite }
    );
    private ReadOnlyMemory<byte>? _config;
    private ReadOnlyMemory<byte>? _directive;
    private readonly Queue<ReadOnlyMemory<byte>> _questions = new();

    public void PutConfig(ReadOnlyMemory<byte> message)
    {
        lock (_lock)
        {
            _config = message;
        }

        Signal();
    }

    public void PutEndpoints(string backend, ReadOnlyMemory<byte> message)
    {
        lock (_lock)
        {
            _endpoints[backend] = message;
        }

        Signal();
    }

    /// <summary>Forgets endpoints that were not sent yet, of a backend that is no more.</summary>
    public void DropEndpoints(string backend)
    {
        lock (_lock)
        {
            _endpoints.Remove(backend);
        }
    }

    public void PutDirective(ReadOnlyMemory<byte> message)
    {
        lock (_lock)
        {
            _directive = message;
        }

        Signal();
    }

    /// <summary>Goes when there is nothing else. With <see cref="PendingQuestions.Max"/> of them waiting it is dropped: nobody waits for so many.</summary>
    public void PutQuestion(ReadOnlyMemory<byte> message)
    {
        lock (_lock)
        {
            if (_questions.Count < PendingQuestions.Max)
            {
                _questions.Enqueue(message);
            }
        }

        Signal();
    }

    /// <summary>Waits for the next message.</summary>
    public async Task<ReadOnlyMemory<byte>> TakeAsync(CancellationToken cancellation)
    {
        while (true)
        {
            if (TryTake(out var message))
            {
                return message;
            }

            await _available.Reader.ReadAsync(cancellation);
        }
    }

    private bool TryTake(out ReadOnlyMemory<byte> message)
    {
        lock (_lock)
        {
            if (_config is { } config)
            {
                message = config;
                _config = null;
                return true;
            }

            foreach (var (backend, endpoints) in _endpoints)
            {
                message = endpoints;
                _endpoints.Remove(backend);
                return true;
            }

            if (_directive is { } directive)
            {
                message = directive;
                _directive = null;
                return true;
            }

            return _questions.TryDequeue(out message);
        }
    }

    private void Signal() => _available.Writer.TryWrite(true);
}
