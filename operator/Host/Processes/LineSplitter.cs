using System.Text;

namespace Mooring.Operator.Host.Processes;

/// <summary>Cuts a child's output into lines, none longer than a bound and not more of them than a rate.</summary>
/// <remarks>Not thread-safe. Pure but for what it hands to <paramref name="emit"/>.</remarks>
internal sealed class LineSplitter(Action<string> emit, TimeProvider time)
{
    /// <summary>Bytes at most of one line; the rest of a longer one follows as lines of its own.</summary>
    public const int MaxLineBytes = 4096;

    /// <summary>Lines at most in one second; the rest is counted and left out.</summary>
    public const int MaxLinesPerSecond = 500;

    private readonly byte[] _line = new byte[MaxLineBytes];
    private int _length;
    private long _second;
    private int _inSecond;
    private int _dropped;

    public void Add(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var end = bytes.IndexOf((byte)'\n');
            var part = end < 0 ? bytes : bytes[..end];
            var taken = Math.Min(part.Length, MaxLineBytes - _length);
            part[..taken].CopyTo(_line.AsSpan(_length));
            _length += taken;
            bytes = bytes[taken..];
            if (taken == part.Length && end >= 0)
            {
                bytes = bytes[1..];
                Emit();
            }
            else if (_length == MaxLineBytes)
            {
                Emit();
            }
        }
    }

    /// <summary>Hands over a last line without its end.</summary>
    public void Flush()
    {
        if (_length > 0)
        {
            Emit();
        }

        ReportDropped();
    }

    private void Emit()
    {
        var line = Encoding.UTF8.GetString(_line, 0, _length).TrimEnd('\r');
        _length = 0;
        var second = time.GetTimestamp() / time.TimestampFrequency;
        if (second != _second)
        {
            ReportDropped();
            (_second, _inSecond) = (second, 0);
        }

        if (++_inSecond > MaxLinesPerSecond)
        {
            _dropped++;
            return;
        }

        emit(Printable(line));
    }

    private void ReportDropped()
    {
        if (_dropped > 0)
        {
            emit($"({_dropped} lines left out)");
            _dropped = 0;
        }
    }

    // A child must not move the cursor or set the title of the operator's terminal.
    private static string Printable(string line) =>
        line.Any(static character => char.IsControl(character) && character != '\t')
            ? string.Concat(line.Select(static character => char.IsControl(character) && character != '\t' ? '·' : character))
            : line;
}
