using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Threading.Channels;

namespace Mooring.Gateway.Telemetry;

/// <summary>Writes log entries as JSON lines, away from the threads that make them.</summary>
/// <remarks>
/// Thread-safe. Neither way to write ever waits: where the reader of the output is too slow, entries are dropped and counted, for a full
/// pipe must not hold up connections.
/// </remarks>
internal sealed class LogSink : IAsyncDisposable
{
    /// <summary>Lines that wait at most.</summary>
    public const int Capacity = 16 * 1024;

    /// <summary>For so long what waits is written out at the end: whoever reads no more must not keep the process.</summary>
    private static readonly TimeSpan LastWrite = TimeSpan.FromSeconds(2);

    // Lines are gathered to this, so that a burst costs few writes.
    private const int FlushBytes = 32 * 1024;

    /// <summary>How entries are written: text outside of ASCII as it is.</summary>
    public static readonly JsonWriterOptions Options = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    private readonly Stream _output;
    private readonly Channel<Item> _items = Channel.CreateUnbounded<Item>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Task _writing;
    private readonly int _capacity;
    private readonly TimeProvider _time;
    private int _waiting;
    private long _dropped;

    /// <summary>Starts the writer.</summary>
    /// <param name="output">Not closed by this.</param>
    /// <param name="capacity">Lines that wait at most.</param>
    /// <param name="time">The clock; null: the system's.</param>
    public LogSink(Stream output, int capacity = Capacity, TimeProvider? time = null)
    {
        _output = output;
        _capacity = capacity;
        _time = time ?? TimeProvider.System;
        _writing = WriteAsync();
    }

    /// <summary>Lines dropped since the start.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    public void TryWrite(ILogEntry entry) => TryAdd(new Item(entry, default, 1));

    /// <summary>Writes finished lines, each with its line feed, all or none of them: one item in the queue however many they are.</summary>
    /// <param name="lines">The sink's from now on.</param>
    /// <param name="count">How many they are.</param>
    public void TryWrite(ReadOnlyMemory<byte> lines, int count) => TryAdd(new Item(null, lines, count));

    /// <summary>Writes out what waits, for two seconds at most.</summary>
    public async ValueTask DisposeAsync()
    {
        _items.Writer.TryComplete();
        try
        {
            await _writing.WaitAsync(LastWrite, _time);
        }
        catch (TimeoutException)
        {
            // A pipe that is full and that nobody reads: what is in it is all that there will be.
        }
    }

    private void TryAdd(Item item)
    {
        if (Interlocked.Add(ref _waiting, item.Count) > _capacity || !_items.Writer.TryWrite(item))
        {
            Interlocked.Add(ref _waiting, -item.Count);
            Interlocked.Add(ref _dropped, item.Count);
        }
    }

    private async Task WriteAsync()
    {
        var buffer = new ArrayBufferWriter<byte>(FlushBytes * 2);
        var line = new ArrayBufferWriter<byte>(1024);
        await using var json = new Utf8JsonWriter(line, Options);
        var broken = false;
        while (await _items.Reader.WaitToReadAsync())
        {
            while (buffer.WrittenCount < FlushBytes && _items.Reader.TryRead(out var item))
            {
                Interlocked.Add(ref _waiting, -item.Count);
                if (item.Entry is null)
                {
                    buffer.Write(item.Lines.Span);
                }
                else if (TryFormat(json, line, item.Entry))
                {
                    buffer.Write(line.WrittenSpan);
                }
                else
                {
                    Interlocked.Increment(ref _dropped);
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

    /// <summary>False: it cannot be written, and is left out, so that those after it are not.</summary>
    private static bool TryFormat(Utf8JsonWriter json, ArrayBufferWriter<byte> line, ILogEntry entry)
    {
        line.ResetWrittenCount();
        try
        {
            AppendLine(json, line, entry);
            return true;
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            // A number that JSON does not have, a list that changed while it was written.
            json.Reset();
            return false;
        }
    }

    /// <summary>Adds an entry as a line.</summary>
    /// <param name="json">Writes into <paramref name="buffer"/>, with <see cref="Options"/>.</param>
    /// <param name="buffer">Where the line goes.</param>
    /// <param name="entry">What it says.</param>
    public static void AppendLine(Utf8JsonWriter json, IBufferWriter<byte> buffer, ILogEntry entry)
    {
        json.WriteStartObject();
        entry.WriteTo(json);
        json.WriteEndObject();
        json.Flush();
        json.Reset();
        buffer.Write("\n"u8);
    }

    /// <param name="Entry">Null: finished lines.</param>
    /// <param name="Lines">Finished lines.</param>
    /// <param name="Count">Lines.</param>
    private readonly record struct Item(ILogEntry? Entry, ReadOnlyMemory<byte> Lines, int Count);
}

/// <summary>One line of a log.</summary>
internal interface ILogEntry
{
    /// <summary>Writes the members of the line's object.</summary>
    void WriteTo(Utf8JsonWriter json);
}
