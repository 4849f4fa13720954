using System.Text.RegularExpressions;
using Mooring.Operator.Entities.Schema;

namespace Mooring.Operator.Tests.Entities;

public sealed class CrdTests
{
    [Theory]
    [InlineData("crds")]
    // Helm takes no links out of a chart.
    [InlineData("charts/mooring/files/crds")]
    public void GenerateYaml_FileInRepository_IsTheSame(string folder) =>
        File.ReadAllText(Repository.PathOf(folder, CrdGenerator.FileName))
            .ShouldBe(CrdGenerator.GenerateYaml(), "the file is stale: run `make crds`");

    [Fact]
    public void Fleet_EveryField_IsDocumented() =>
        Fields().Where(field => field.Schema.Description.Length < 5).Select(field => field.Path).ShouldBeEmpty();

    // An unbounded list or text makes the API server refuse the rules that look at it, for their cost.
    [Fact]
    public void Fleet_EveryListAndText_IsBounded() =>
        Fields()
            .Where(field => field.Path.StartsWith("spec", StringComparison.Ordinal))
            .Where(field => field.Schema.Type is SchemaType.List or SchemaType.Map or SchemaType.Text)
            .Where(field => (field.Schema.Maximum is null && field.Schema.Allowed.Count == 0) || !IsBounded(field.Schema.Items))
            .Select(field => field.Path)
            .ShouldBeEmpty();

    [Fact]
    public void Fleet_EveryDefault_KeepsItsOwnRules()
    {
        foreach (var (path, schema) in Fields().Where(field => field.Schema is { Type: SchemaType.Text, Default: not null }))
        {
            var text = schema.Default!.GetValue<string>();
            (schema.Pattern is null || Regex.IsMatch(text, schema.Pattern)).ShouldBeTrue($"{path} = {text}");
            (schema.Allowed.Count == 0 || schema.Allowed.Any(allowed => allowed.GetValue<string>() == text)).ShouldBeTrue(
                $"{path} = {text}"
            );
        }
    }

    [Fact]
    public void Fleet_DrainAndCapacity_HaveNoDefaults() =>
        Fields()
            .Where(field =>
                field.Path.StartsWith("spec.gateway.drain", StringComparison.Ordinal)
                || field.Path.StartsWith("spec.gateway.capacity", StringComparison.Ordinal)
            )
            .Where(field => field.Schema.Default is not null)
            .Select(field => field.Path)
            .ShouldBeEmpty("a preset could not fill them any more");

    private static bool IsBounded(SchemaNode? items) => items is null || items.Type != SchemaType.Text || items.Maximum is not null;

    private static IEnumerable<(string Path, SchemaNode Schema)> Fields() => Walk("", SchemaBuilder.Fleet);

    private static IEnumerable<(string Path, SchemaNode Schema)> Walk(string path, SchemaNode node)
    {
        foreach (var property in node.Properties)
        {
            var child = path.Length == 0 ? property.Name : $"{path}.{property.Name}";
            yield return (child, property.Schema);
            foreach (var below in Walk(child, property.Schema.Items ?? property.Schema))
            {
                yield return below;
            }
        }
    }
}
