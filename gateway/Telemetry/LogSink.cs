using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Threading.Channels;

namespace Mooring.Gateway.Telemetry;

/// <summary>Writes log entries as JSON lines, away from the threads that make them.</summary>
/// <remarks>
/// Thread-safe. <see cref="TryWrite"/> never waits: where the reader of the output is too slow, entries are dropped and counted, for a full
/// pipe must not hold up connections.
/// </remarks>
internal sealed class LogSink : IAsyncDisposable
{
    /// <summary>Entries that wait at most.</summary>
    public const int Capacity = 16 * 1024;

    // Lines are gathered to this, so that a burst costs few writes.
    private const int FlushBytes = 32 * 1024;

    private static readonly JsonWriterOptions Options = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    private readonly Stream _output;
    private readonly Channel<ILogEntry> _entries;
    private readonly Task _writing;
    private long _dropped;

    /// <summary>Starts the writer.</summary>
    /// <param name="output">Not closed by this.</param>
    /// <param name="capacity">Entries that wait at most.</param>
    public LogSink(Stream output, int capacity = Capacity)
    {
        _output = output;
        _entries = Channel.CreateBounded<ILogEntry>(new BoundedChannelOptions(capacity) { SingleReader = true });
        _writing = WriteAsync();
    }

    /// <summary>Entries dropped since the start.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    public void TryWrite(ILogEntry entry)
    {
        if (!_entries.Writer.TryWrite(entry))
        {
            Interlocked.Increment(ref _dropped);
        }
    }

    /// <summary>Writes out what waits.</summary>
    public async ValueTask DisposeAsync()
    {
        _entries.Writer.TryComplete();
        await _writing;
    }

    private async Task WriteAsync()
    {
        var buffer = new ArrayBufferWriter<byte>(FlushBytes * 2);
        await using var json = new Utf8JsonWriter(buffer, Options);
        var broken = false;
        while (await _entries.Reader.WaitToReadAsync())
        {
            while (_entries.Reader.TryRead(out var entry))
            {
                json.WriteStartObject();
                entry.WriteTo(json);
                json.WriteEndObject();
                json.Flush();
                json.Reset();
                buffer.Write("\n"u8);
                if (buffer.WrittenCount >= FlushBytes)
                {
                    break;
                }
            }

            try
            {
                if (!broken)
                {
                    await _output.WriteAsync(buffer.WrittenMemory);
                    await _output.FlushAsync();
                }
            }
            catch (IOException)
            {
                // Nobody reads any more. The gateway lives on; there is no other place to say so.
                broken = true;
            }

            buffer.ResetWrittenCount();
        }
    }
}

/// <summary>One line of a log.</summary>
internal interface ILogEntry
{
    /// <summary>Writes the members of the line's object. Runs on the sink's thread.</summary>
    void WriteTo(Utf8JsonWriter json);
}
