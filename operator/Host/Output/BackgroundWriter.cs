using System.Collections.Concurrent;
using System.Text;

namespace Mooring.Operator.Host.Output;

/// <summary>Writes on a thread of its own, so that a reader who has stopped (a pager, Ctrl-S in the terminal) holds nobody up.</summary>
/// <remarks>
/// Thread-safe. What does not fit into its queue is left out: the fleets, their restarts and their drain matter more than lines about them.
/// Once the reader is gone, writing throws <see cref="IOException"/>.
/// </remarks>
internal sealed class BackgroundWriter : TextWriter
{
    /// <summary>Texts that wait at most.</summary>
    public const int MaxTexts = 1024;

    /// <summary>Characters that wait at most.</summary>
    public const int MaxCharacters = 4 * 1024 * 1024;

    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(1);
    private readonly TextWriter _to;
    private readonly bool _tellsWhatIsLeftOut;
    private readonly BlockingCollection<string> _texts = new(MaxTexts);
    private readonly Thread _thread;
    private int _waiting;
    private int _leftOut;
    private volatile IOException? _broken;

    /// <param name="to">Stays the caller's.</param>
    /// <param name="tellsWhatIsLeftOut">Puts a line of its own where texts were left out; not for output that a program reads.</param>
    public BackgroundWriter(TextWriter to, bool tellsWhatIsLeftOut)
    {
        (_to, _tellsWhatIsLeftOut) = (to, tellsWhatIsLeftOut);
        _thread = new Thread(Run) { IsBackground = true, Name = "output" };
        _thread.Start();
    }

    public override Encoding Encoding => _to.Encoding;

    public override void Write(char value) => Write(value.ToString());

    /// <exception cref="IOException">The reader is gone.</exception>
    public override void Write(string? value)
    {
        if (_broken is { } broken)
        {
            throw new IOException(broken.Message, broken);
        }

        if (string.IsNullOrEmpty(value))
        {
            return;
        }

        if (Interlocked.Add(ref _waiting, value.Length) > MaxCharacters || !_texts.TryAdd(value))
        {
            Interlocked.Add(ref _waiting, -value.Length);
            Interlocked.Increment(ref _leftOut);
        }
    }

    public override void WriteLine(string? value) => Write(value + "\n");

    /// <summary>Does nothing: all is written as soon as it can be.</summary>
    public override void Flush() { }

    /// <summary>Gives what waits a second to be written.</summary>
    protected override void Dispose(bool disposing)
    {
        if (disposing && !_texts.IsAddingCompleted)
        {
            _texts.CompleteAdding();
            _thread.Join(LastWords);
        }

        base.Dispose(disposing);
    }

    private void Run()
    {
        try
        {
            foreach (var text in _texts.GetConsumingEnumerable())
            {
                _to.Write(text);
                Interlocked.Add(ref _waiting, -text.Length);
                if (_texts.Count == 0)
                {
                    TellLeftOut();
                    _to.Flush();
                }
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            _broken = error as IOException ?? new IOException(error.Message, error);
        }
    }

    private void TellLeftOut()
    {
        var leftOut = Interlocked.Exchange(ref _leftOut, 0);
        if (leftOut > 0 && _tellsWhatIsLeftOut)
        {
            _to.Write($"({leftOut} lines left out)\n");
        }
    }
}
