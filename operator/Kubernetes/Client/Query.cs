using System.Globalization;
using System.Text;

namespace Mooring.Kubernetes.Client;

/// <summary>Builds the query part of a URL; parameters without a value are left out.</summary>
internal sealed class Query
{
    private readonly StringBuilder _text = new();

    public Query Add(string name, string? value)
    {
        if (value is not null)
        {
            _text.Append(_text.Length == 0 ? '?' : '&').Append(name).Append('=').Append(Uri.EscapeDataString(value));
        }

        return this;
    }

    public Query Add(string name, long value) => Add(name, value.ToString(CultureInfo.InvariantCulture));

    public Query Add(string name, bool value) => value ? Add(name, "true") : this;

    public Query AddWrite(WriteOptions options, string fieldManager) =>
        Add("fieldManager", options.FieldManager ?? fieldManager)
            .Add("dryRun", options.DryRun ? "All" : null)
            .Add("fieldValidation", options.FieldValidation);

    public override string ToString() => _text.ToString();
}
