using Mooring.Contracts.Text;

namespace Mooring.Gateway.Configuration;

/// <summary>Collects errors as <c>path: what is wrong</c>.</summary>
internal sealed class ErrorList
{
    /// <summary>As many as an ack carries.</summary>
    private const int Max = 64;

    private readonly List<string> _errors = [];

    public int Count => _errors.Count;

    public void Add(string path, string message)
    {
        if (_errors.Count < Max)
        {
            _errors.Add($"{path}: {message}");
        }
    }

    public void Range(string path, int value, int min, int max)
    {
        if (value < min || value > max)
        {
            Add(path, $"is {value}; must be {min} to {max}");
        }
    }

    public void Range(string path, TimeSpan value, TimeSpan min, TimeSpan max)
    {
        if (value < min || value > max)
        {
            Add(path, $"must be {Duration.Format(min)} to {Duration.Format(max)}");
        }
    }

    /// <summary>Null items, which JSON lets into any list.</summary>
    public void NoNulls<T>(string path, IReadOnlyList<T?> items)
        where T : class
    {
        for (var i = 0; i < items.Count; i++)
        {
            if (items[i] is null)
            {
                Add($"{path}[{i}]", "is null");
            }
        }
    }

    /// <summary>A DNS label: 1 to 63 of a-z, 0-9 and '-', not at either end.</summary>
    public void Label(string path, string value)
    {
        var valid =
            value.Length is > 0 and <= 63
            && value[0] != '-'
            && value[^1] != '-'
            && value.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-');
        if (!valid)
        {
            Add(path, $"'{value}' is not a DNS label");
        }
    }

    public IReadOnlyList<string> ToList() => _errors;
}
