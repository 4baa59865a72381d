-- Grain: one row per product of the last export of the catalogue.
with

products as (

    select *
    from staging.current_catalogue_products
    where dt = $run_date

),

renamed as (

    select
        'catalogue:' || sku as product_id,
        'catalogue' as source,
        sku,
        trim(name) as product_name,
        category,
        subcategory,
        brand,
        price as list_price,
        cost as unit_cost,
        'GBP' as currency,
        on_sale as is_active,
        launched as launched_date
    from products

)

select * from renamed
order by product_id
