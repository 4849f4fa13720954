using Mooring.Gateway.Hub.Sessions;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.Hub.Listening;

/// <summary>A connection to a Hub listener that speaks HTTP so far: what has come of its request. Owned by its loop.</summary>
internal sealed class HubRequest(ListenerSetup setup, HubLoop hub)
{
    /// <summary>Longest body of a request to the API.</summary>
    public const int MaxBodyBytes = 1024 * 1024;

    private byte[] _buffer = [];

    public ListenerSetup Setup { get; } = setup;

    public HubLoop Hub { get; } = hub;

    /// <summary>Bytes that have come and were not taken.</summary>
    public ReadOnlySpan<byte> Received => _buffer.AsSpan(0, Length);

    public int Length { get; private set; }

    /// <summary>Bytes of the buffer that holds them.</summary>
    public int Held => _buffer.Length;

    /// <summary>A request to the API is being answered: nothing is read.</summary>
    public bool IsAnswering { get; set; }

    /// <summary>The client was told to go on with the body of this request.</summary>
    public bool IsContinued { get; set; }

    /// <summary>The body of this request, which comes in chunks; null: it does not, or none has come yet.</summary>
    public ChunkedBody? Chunks { get; set; }

    /// <summary>Bytes that the client was sent.</summary>
    public long Sent { get; set; }

    /// <summary>One request was answered, or is being.</summary>
    public bool Served { get; set; }

    /// <summary>The last answer was sent: what still comes is dropped until the client closes.</summary>
    public bool IsEnding { get; set; }

    public void Add(ReadOnlySpan<byte> more)
    {
        if (_buffer.Length < Length + more.Length)
        {
            // By what has come, never by what a header announces.
            Array.Resize(ref _buffer, Math.Max(512, Math.Max(_buffer.Length * 2, Length + more.Length)));
        }

        more.CopyTo(_buffer.AsSpan(Length));
        Length += more.Length;
    }

    /// <summary>Takes a whole request off the front.</summary>
    public void Take(int count)
    {
        _buffer.AsSpan(count, Length - count).CopyTo(_buffer);
        Length -= count;
        IsContinued = false;
        Chunks = null;
        if (Length == 0)
        {
            _buffer = [];
        }
    }
}
